"""The live link between board and host: messages and frames, connection, recordings, parity over the link, the doctor.

`protocol` and `reader` turn bytes into events; `connection`, or a recording (see `source`), gives them their times.
"""
