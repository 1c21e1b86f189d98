"""Starting the tasks of a cluster on this machine, or one task of a larger one."""
