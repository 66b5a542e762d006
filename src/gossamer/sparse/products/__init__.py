"""How the randomly connected layer is multiplied, forward and backward."""
