"""What a mirror member does when its mirror moves to another region: `iris-region`, and the question before IRIS starts."""
