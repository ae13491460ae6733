"""The tables of the paper on public data; `run.py` fills them."""
