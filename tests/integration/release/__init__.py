"""The wheel, installed alone: nothing of the checkout is there."""
