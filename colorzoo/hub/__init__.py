"""What a name means, and the Hub: fetched from it, published to it."""
