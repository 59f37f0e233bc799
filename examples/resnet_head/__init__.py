"""The parts of the example `train_resnet_head.py`, one idea per module.

data         images, their split, and a long tail of classes
selection    which items each batch holds: the four methods that are compared
pipeline     index batches -> images, augmented -> arrays sharded over the devices
model        a small ResNet, and which of its weights learn
training     AdamW, focal loss, moving average, early stopping
checkpoint   weights and position of the stream, saved and restored together
report       the table and the picture
"""
