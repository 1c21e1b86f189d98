"""What a schedule of steps and pushes computes, with no clock in sight."""
