"""The settings: one table, the texts they are given as, and what is wrong with them."""
