"""The live link between board and host: messages, frames, reading them back. Opens no port and draws nothing."""
