"""Train the character model: data, augmentation, network, training, export. Only here is TensorFlow imported."""
