"""The live link between board and host: messages and frames, connection, recordings, and what a board is
asked over it.

`protocol` and `reader` turn bytes into events; `connection`, or a recording (see `source`), gives them their times.
"""
