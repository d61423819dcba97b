"""What formats are written in: archives, protobuf, FlatBuffers, HDF5, pickles, element types."""
