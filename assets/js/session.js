// A session that ended while a page was open: go to the sign-in page once, and come back here afterwards.
(function () {
  var fetched = window.fetch;
  var leaving = false;
  window.fetch = function () {
    return fetched.apply(this, arguments).then(function (response) {
      if (response.status === 401 && !leaving) {
        leaving = true;
        var here = window.location.pathname + window.location.search;
        window.location.assign("/sign-in?next=" + encodeURIComponent(here));
      }
      return response;
    });
  };
})();
