"""Eight weeks of sending in virtual time: four approaches, the same traffic, the same simulated ISPs."""
