"""The machine: processor, memory, disks, kernel, containers, addresses."""
