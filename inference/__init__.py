"""CT series in, graded vertebrae out; knows no network, no queue and no clock."""
