"""Penstock runs AI flows and evaluations, in the request or in the background, as one and the same execution."""
