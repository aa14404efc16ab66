"""Where bytes come from: addresses, folders, archives, package indexes; checked before they are used."""
