"""What `rtseg doctor` looks at; each check returns findings and changes nothing."""
