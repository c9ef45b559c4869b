"""From sound to sound: what one turn passes through. Knows the engines' protocols and nothing of the wire."""
