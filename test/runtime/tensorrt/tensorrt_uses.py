# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every attribute of TensorRT that the backend touches, read from its source.

Types are followed from where TensorRT objects enter: parameters and results annotated with
``trt.Class``, the module itself (``api``, ``tensorrt.api``), and the results of calls, whose
classes are those in the docstrings of the real bindings. A use is guarded where ``hasattr`` of
the same object and name has been asked: in the same ``if`` or before an early ``return`` or
``raise``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from rtseg_ros.doctor import tensorrt_checks
from rtseg_ros.runtime import tensorrt

MODULE = '(module)'
_MODULE_NAMES = ('api', 'tensorrt.api', 'self._target.tensorrt.api')


@dataclass(frozen=True)
class Use:
    """One attribute of one TensorRT class, used in one place."""

    owner: str  # class, enumeration, or MODULE
    attribute: str
    place: str
    guarded: bool


def uses_in(sources: dict[str, str], described: dict) -> set[Use]:
    """Return the uses in the sources (name -> text), with result classes from ``described``."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    results = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                results[node.name] = _annotated(node.returns)
    found: set[Use] = set()
    for name, tree in trees.items():
        for scope in tree.body:
            _Walk(name, described, results, found).visit(scope)
    return found


def backend_sources() -> dict[str, str]:
    """Return the modules that touch TensorRT."""
    paths = [*Path(tensorrt.__file__).parent.glob('*.py'), Path(tensorrt_checks.__file__)]
    return {path.name: path.read_text() for path in sorted(paths)}


def _annotated(annotation: ast.expr | None) -> list[str]:
    """Return the TensorRT classes named in an annotation, in order."""
    if annotation is None:
        return []
    return [
        node.attr
        for node in ast.walk(annotation)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == 'trt'
    ]


class _Walk(ast.NodeVisitor):
    """Follows types and guards through one class or function, statement by statement."""

    def __init__(self, module, described, results, found):
        self.module, self.described, self.results, self.found = module, described, results, found
        self.types: dict[str, str] = {}
        self.guards: list[set[tuple[str, str]]] = [set()]

    def type_of(self, node):
        text = ast.unparse(node)
        if text in _MODULE_NAMES:
            return MODULE
        if text in self.types:
            return self.types[text]
        if isinstance(node, ast.Call):
            return self.result_of(node)
        if isinstance(node, ast.Attribute) and self.type_of(node.value) == MODULE:
            return node.attr  # an enumeration or a class
        if isinstance(node, ast.Subscript):
            return self.types.get(f'{ast.unparse(node.value)}[]')
        return None

    def result_of(self, call):
        function = call.func
        if isinstance(function, ast.Name):
            classes = self.results.get(function.id) or [None]
            return classes[0]
        if isinstance(function, ast.Attribute):
            owner = self.type_of(function.value)
            if owner == MODULE:
                return function.attr  # a constructor
            members = self.described.get(owner)
            if isinstance(members, dict) and function.attr in members:
                returned = members[function.attr][0]
                return returned if isinstance(self.described.get(returned), dict) else None
        return None

    def bind(self, target, value):
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for part, single in zip(target.elts, value.elts, strict=True):
                self.bind(part, single)
            return
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Call):
            classes = self.results.get(getattr(value.func, 'id', '')) or []
            for part, name in zip(target.elts, classes, strict=False):
                self.types[ast.unparse(part)] = name
            return
        found = self.type_of(value)
        if found is None and isinstance(value, ast.ListComp):
            self.loop(value.generators)
            inner = self.type_of(value.elt)
            if inner:
                self.types[f'{ast.unparse(target)}[]'] = inner
        elif found:
            self.types[ast.unparse(target)] = found

    def loop(self, generators):
        """Give loop variables the type of what is iterated over."""
        for generator in generators:
            source, target = generator.iter, generator.target
            if isinstance(source, ast.Call) and ast.unparse(source.func) == 'enumerate':
                source, target = source.args[0], target.elts[1]
            inner = self.types.get(f'{ast.unparse(source)}[]')
            if inner:
                self.types[ast.unparse(target)] = inner

    def visit_FunctionDef(self, node):
        for argument in (*node.args.args, *node.args.kwonlyargs):
            classes = _annotated(argument.annotation)
            if classes:
                self.types[argument.arg] = classes[0]
        self.block(node.body)

    def visit_ClassDef(self, node):
        for base in node.bases:
            self.visit(base)
        # Two rounds: a method may use what a later one sets.
        before = set(self.found)
        self.block(node.body)
        self.found.clear()
        self.found.update(before)
        self.block(node.body)

    def block(self, statements):
        self.guards.append(set())
        for statement in statements:
            self.visit(statement)
            if isinstance(statement, ast.If) and _leaves(statement.body):
                self.guards[-1] |= _missing(statement.test)
        self.guards.pop()

    def visit_If(self, node):
        self.visit(node.test)
        self.guards.append(_present(node.test))
        self.block(node.body)
        self.guards.pop()
        self.block(node.orelse)

    def visit_BoolOp(self, node):
        self.guards.append(set())
        for value in node.values:
            self.visit(value)
            self.guards[-1] |= _present(value) if isinstance(node.op, ast.And) else _missing(value)
        self.guards.pop()

    def visit_Assign(self, node):
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)
            self.bind(target, node.value)

    def visit_AnnAssign(self, node):
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)
            self.bind(node.target, node.value)

    def visit_With(self, node):
        for item in node.items:
            self.visit(item.context_expr)
        self.block(node.body)

    def visit_Try(self, node):
        for part in (node.body, *(handler.body for handler in node.handlers)):
            for statement in part:
                self.visit(statement)
        self.block(node.orelse)
        self.block(node.finalbody)

    def visit_For(self, node):
        self.loop([node])
        self.visit(node.iter)
        self.block(node.body)

    def comprehension(self, node):
        self.loop(node.generators)
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension

    def visit_Attribute(self, node):
        self.visit(node.value)
        owner = self.type_of(node.value)
        # A dunder and what an enumeration member has of its own is Python's.
        if owner is None or node.attr.startswith('__'):
            return
        text = ast.unparse(node.value)
        guarded = any((text, node.attr) in guards for guards in self.guards)
        if not guarded and isinstance(node.value, ast.Attribute):
            whole = (ast.unparse(node.value.value), node.value.attr)
            guarded = any(whole in guards for guards in self.guards)
        place = f'{self.module}:{node.lineno}'
        self.found.add(Use(owner, node.attr, place, guarded))


def _hasattr(node):
    """Return (object, name) if the node is hasattr(object, 'name')."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == 'hasattr':
        return ast.unparse(node.args[0]), ast.literal_eval(node.args[1])
    return None


def _present(test):
    """What is known to be there where the test is true."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return set().union(*(_present(value) for value in test.values))
    found = _hasattr(test)
    return {found} if found else set()


def _missing(test):
    """What is known to be there where the test is false."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return set().union(*(_missing(value) for value in test.values))
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        found = _hasattr(test.operand)
        return {found} if found else set()
    return set()


def _leaves(body):
    return isinstance(body[-1], ast.Return | ast.Raise)
