// Dash starts itself by an inline script; here it is a file, so that the content policy needs no exception.
window.renderer = new window.DashRenderer();
