"""Forms in which series come and are given back, and the labels of their axes."""

from tsgen._forms.form import (
    ArrayForm,
    Form,
    ListForm,
    LongForm,
    WideForm,
    form_of,
    long_columns,
)

__all__ = [
    "ArrayForm",
    "Form",
    "ListForm",
    "LongForm",
    "WideForm",
    "form_of",
    "long_columns",
]
