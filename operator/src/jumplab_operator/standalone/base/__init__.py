"""What all the rooms speak of: errors, kinds, and the rules of who may do what. Pure; it imports none of the others."""
