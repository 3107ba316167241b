"""Faces found in pictures, classified and annotated."""
