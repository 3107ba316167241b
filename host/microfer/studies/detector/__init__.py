"""How well the face detector finds faces, and what it takes."""
