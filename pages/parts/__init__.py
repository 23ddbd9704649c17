"""What pages share: the filter bar, cards, figures, tables and states."""
