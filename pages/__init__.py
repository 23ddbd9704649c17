"""Pages, one module each: PATH, NAME, ICON, PERMISSION, NEEDS, layout(view), register(app, backends)."""
