"""Files of limits, samplings and objectives."""
