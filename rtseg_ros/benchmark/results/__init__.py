"""What a race came to: tables, targets, plots and the page."""
