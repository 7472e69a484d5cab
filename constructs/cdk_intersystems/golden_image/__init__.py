"""Images that have what hosts need already."""
