"""What judges and tells: rules, routing, and the bridges to where people read."""
