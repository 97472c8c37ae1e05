# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the names in a pickle become: records that hold what they were given and do nothing."""

from dataclasses import dataclass
from typing import Any


class Inert:
    """Stands for an object of a class or function that the file names.

    A pickle may call it, fill it and set its state: nothing of that has an effect outside it.

    Attributes:
        name: Full name in the file, e.g. ``numpy.dtype``.
    """

    __slots__ = ()
    name = ''

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Take any arguments, as the pickle's REDUCE and NEWOBJ give them."""
        return object.__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        """Forget them."""

    def __setstate__(self, state: Any) -> None:
        """Forget it: without this method, unpickling would set attributes."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forget an item of what was a mapping."""

    def append(self, value: Any) -> None:
        """Forget an item of what was a list."""

    def extend(self, values: Any) -> None:
        """Forget items of what was a list."""

    def add(self, value: Any) -> None:
        """Forget an item of what was a set."""


class Dictionary(dict[Any, Any]):
    """Stands for OrderedDict and defaultdict; attributes set on it are forgotten."""

    def __init__(self, *given: Any) -> None:
        super().__init__(given[0] if given and isinstance(given[0], list | dict) else {})

    def __setstate__(self, state: Any) -> None:
        """Forget ``_metadata`` and the like."""


class Size(tuple[int, ...]):
    """Stands for torch.Size."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Forget it."""


@dataclass(frozen=True)
class StorageRecord:
    """Where the bytes of a tensor lie.

    Attributes:
        key: Of the bytes in the file.
        type_name: Name of the storage class, which says the element type.
        numel: Elements of the whole storage.
        start: First element, where the file describes a view of a storage.
        length: Elements of that view.
    """

    key: str
    type_name: str
    numel: int
    start: int
    length: int

    def __setstate__(self, state: Any) -> None:
        """Forget it."""


class TensorRecord(Inert):
    """A tensor that has not been read yet.

    Attributes:
        storage: Where its bytes lie; anything else if the file says something else.
        offset: First element.
        size: Shape.
        stride: In elements.
        dtype_name: Name of its element type where the file says one.
        kind: What it is if not a plain tensor, in words; empty if it is.
    """

    __slots__ = ('dtype_name', 'kind', 'offset', 'size', 'storage', 'stride')
    # Whatever the file says: ``TensorReader`` checks it.
    storage: Any
    offset: Any
    size: Any
    stride: Any
    dtype_name: str
    kind: str

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Take the arguments of torch's own rebuild functions; fewer make a broken tensor."""
        record = object.__new__(cls)
        defaults = (None, 0, (), ())
        parts = given[:4] + defaults[len(given) :]
        record.storage, record.offset, record.size, record.stride = parts
        record.dtype_name = record.kind = ''
        return record


class TypedTensorRecord(TensorRecord):
    """``_rebuild_tensor_v3``: the element type is given beside an untyped storage."""

    __slots__ = ()

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Take the element type too."""
        record = super().__new__(cls, *given)
        record.dtype_name = getattr(given[6], 'name', '') if len(given) > 6 else ''
        return record


class _Special(TensorRecord):
    """A tensor that is not a block of numbers; what it is, is told when it is needed."""

    __slots__ = ()
    words = ''

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Take note of what it is."""
        record = super().__new__(cls)
        record.kind = cls.words
        return record


class QuantizedRecord(_Special):
    """``_rebuild_qtensor``."""

    __slots__ = ()
    words = 'quantised'


class SparseRecord(_Special):
    """``_rebuild_sparse_tensor``."""

    __slots__ = ()
    words = 'sparse'


class MetaRecord(_Special):
    """``_rebuild_meta_tensor_no_storage``."""

    __slots__ = ()
    words = 'meta'


class NestedRecord(_Special):
    """``_rebuild_nested_tensor``."""

    __slots__ = ()
    words = 'nested'


class Wrapped(Inert):
    """Parameters and the like: what is wrapped is all that matters."""

    __slots__ = ()

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Return the first argument where it is a tensor."""
        if given and isinstance(given[0], TensorRecord):
            return given[0]
        return object.__new__(cls)


class WrappedCall(Inert):
    """``_rebuild_from_type_v2(function, type, arguments, state)``."""

    __slots__ = ()

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Return the tensor, if the function rebuilds one of torch's own types."""
        if len(given) > 2 and isinstance(given[0], type) and issubclass(given[0], Inert):
            made = given[0](*given[2]) if isinstance(given[2], tuple) else None
            kind = getattr(given[1], 'name', '')
            if isinstance(made, TensorRecord):
                if kind not in ('torch.Tensor', 'torch.nn.parameter.Parameter'):
                    made.kind = f'of the class {kind}'
                return made
        return object.__new__(cls)


# Names that are more than a stand-in; every other name is one.
KNOWN: dict[str, type[Any]] = {
    'collections.OrderedDict': Dictionary,
    'collections.defaultdict': Dictionary,
    'torch.Size': Size,
    'torch._utils._rebuild_tensor': TensorRecord,
    'torch._utils._rebuild_tensor_v2': TensorRecord,
    'torch._utils._rebuild_tensor_v3': TypedTensorRecord,
    'torch._utils._rebuild_parameter': Wrapped,
    'torch._utils._rebuild_parameter_with_state': Wrapped,
    'torch._utils._rebuild_device_tensor_from_cpu_tensor': Wrapped,
    'torch.nn.parameter.Parameter': Wrapped,
    'torch._tensor._rebuild_from_type_v2': WrappedCall,
    'torch._utils._rebuild_qtensor': QuantizedRecord,
    'torch._utils._rebuild_sparse_tensor': SparseRecord,
    'torch._utils._rebuild_meta_tensor_no_storage': MetaRecord,
    'torch._utils._rebuild_nested_tensor': NestedRecord,
}
