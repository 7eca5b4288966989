"""How fast it is: `make bench` prints one table. Ratios within one run say more than milliseconds: machines are noisy."""
