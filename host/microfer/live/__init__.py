"""The live link between board and host: messages and frames, connection, recordings, and the viewer.

From the wire to the eye: `protocol` and `reader` turn bytes into events, `connection` (or a recording, see `source`)
gives them their times, `view_model` makes a `view` of them, which `terminal`, web page and window draw. `viewer` drives
it all.
"""
