"""What a .tflite costs on the ESP32-S3, and what in it the chip does badly."""
