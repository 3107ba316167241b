"""microfer: perceived-expression recognition that runs on an ESP32-S3 camera board."""

__version__ = "0.1.0"
