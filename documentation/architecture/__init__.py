"""The architecture as a picture, drawn from the synthesized templates: what they do not hold is not in it."""
