"""The maker of rendered pairs: exact joints of animated characters beside what the real detector finds in their pictures."""
