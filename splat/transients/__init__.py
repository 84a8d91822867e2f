"""What passes through the photos and is no part of the scene: people, cars, a dog. Left out while training."""
