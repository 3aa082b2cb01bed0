"""Line icons, 24 by 24, drawn for this picture."""

ICONS = {
    "bell": '<path d="M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4"/>',
    "check": '<path d="M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z"/><path d="M8.5 12l2.5 2.5 4.5-5"/>',
    "clock": '<path d="M4.5 8A9 9 0 1 1 3 13"/><path d="M3 4v5h5M12 8v5l3 2"/>',
    "containers": '<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9z"/><path d="M4 7.5l8 4.5 8-4.5M12 12v9"/>',
    "database": '<ellipse cx="12" cy="5.5" rx="8" ry="3"/>'
    '<path d="M4 5.5v13c0 1.7 3.6 3 8 3s8-1.3 8-3v-13M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>',
    "document": '<path d="M6 3h8l5 5v13H6z"/><path d="M14 3v5h5M9 13h6M9 17h6"/>',
    "fingerprint": '<path d="M6 19c1-2 1.5-4 1.5-7a4.5 4.5 0 0 1 9 0c0 2.5-.3 5-1 7.5"/>'
    '<path d="M12 12c0 4-.7 6.5-2 9M4 14v-2a8 8 0 0 1 16 0c0 2 0 4-.5 6"/>',
    "lock": '<rect x="4" y="10" width="16" height="11" rx="2"/><path d="M8 10V7a4 4 0 0 1 8 0v3M12 14v3"/>',
    "phone": '<rect x="7" y="2.5" width="10" height="19" rx="2"/><path d="M11 18h2"/>',
    "pulse": '<path d="M2 12h5l2-6 4 12 3-8 1.5 2H22"/>',
    "switch": '<path d="M4 8h14l-4-4M20 16H6l4 4"/>',
}
