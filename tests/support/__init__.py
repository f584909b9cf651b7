"""What tests of several tiers share: private servers, free ports, settings, waiting on a condition."""
