"""Classification networks whose maps the decoders take, with weights that others trained."""
