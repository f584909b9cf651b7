"""Schema migrations, applied in order by `karamail db migrate`."""
