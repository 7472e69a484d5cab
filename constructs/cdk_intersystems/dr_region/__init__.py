"""What moves a mirror to its DR region, and back."""
