// Streamgauge tracker: see docs/tracker.md
if (!window.streamgauge?.consent) {
let { src, dataset } = document.currentScript
let url = (dataset.endpoint || new URL(src).origin) + "/v1/events/batch?key=" + dataset.key
let id = "sg." + dataset.key
let dnt = dataset.dnt != "ignore" && (navigator.doNotTrack == 1 || navigator.globalPrivacyControl)
let page, user, timer, store = {}, limit = 50, tries = 0, dropped = 0, now = 0, fresh

let safe = call => async (...args) => {
  try { if (!dnt) await call(...args) } catch {}
}
let newId = () => URL.createObjectURL(new Blob()).slice(-36)
let cut = (text, length) => [...text].slice(0, length).join("")
let referrer = cut(document.referrer, 2048)

try { store = window[(dataset.storage || "local") + "Storage"] || store } catch {}
let put = (key, value) => {
  try { store[key] = value } catch { store = { ...store, [key]: value } }
}
let drop = key => delete store[key]
let stored = () => Object.keys(store).filter(key => key.startsWith(id + ".")).sort()
let fit = (keys, count, size) => keys.slice(0, count).filter(key => (size -= store[key].length) > 0)
let consented = () => store[id] ?? dataset.consent != "required"

let track = (eventName, data) => {
  if (!consented()) return
  now = Math.max(Date.now(), now + 1)
  let eventId = newId()
  let [clientId = newId(), first, sessionId, seen] = store[id]?.split(",") || []
  if (!(now - seen < 18e5)) sessionId = newId()
  first ||= sessionId
  put(id, [clientId, first, sessionId, now] + "")
  let event = JSON.stringify({
    eventName, eventId, timestamp: new Date(now), pageUrl: page, pageTitle: cut(document.title, 512), referrer,
    clientId, sessionId, isFirstVisit: sessionId == first, ...user, ...data,
  })
  if (event.length < 2e4) put(id + "." + now + eventId, event)
  let keys = stored().reverse()
  for (let key of keys.slice(fit(keys, 500, 256e3).length)) dropped += drop(key)
  fresh = true
  later()
}
let view = safe(() => {
  let next = cut(location.href.split("#")[0], 2048)
  if (next == page) return
  referrer = page || referrer
  page = next
  track("page_view")
})
let click = event => {
  let target = event.target.closest("a,button,[role=button],[data-track],summary,[type=submit],[type=button]")
  let secret = "[data-private],[contenteditable],select,textarea"
  let text = target.closest(secret) || target.querySelector(secret) ? "" : cut(target.innerText || "", 160)
  let dataset = { ...target.dataset }
  for (let name in dataset) dataset[name] = cut(dataset[name], 200)
  track("click", { element: { tag: target.localName, id: target.id, role: target.role, text, dataset } })
}

let batch = () => {
  let keys = fit(stored(), limit, 2e4)
  let events = keys.map(key => JSON.parse(store[key]))
  return { keys, body: JSON.stringify({ sent_at: new Date(), dropped, events }) }
}
let send = async () => {
  let { keys, body } = batch()
  if (!keys[0]) return
  let { status, headers } = await fetch(url, {
    method: "POST", body, credentials: "omit", signal: AbortSignal.timeout?.(3e4),
  }).catch(() => 0)
  if (!(status < 500 && status != 429))
    return (headers?.get("Retry-After") || 2 ** Math.min(tries++, 9)) * (1e3 + Math.random() * 500)
  tries = 0
  if (status == 413 && keys[1]) limit = keys.length >> 1
  else dropped = 0, keys.forEach(drop)
}
let later = wait => timer ||= setTimeout(flush, wait || 1e3)
let flush = safe(async () => {
  let wait
  try { wait = await navigator.locks.request(id, send) } catch { wait = await send() }
  timer = clearTimeout(timer)
  if (stored()[0]) later(wait)
})
let hide = () => {
  let { keys, body } = batch()
  if (fresh && keys[0]) fresh = !navigator.sendBeacon(url, body)
}

let q = window.streamgauge?.q || []
window.streamgauge = safe((name, data) => name.call ? name() : track(name, data))
streamgauge.identify = safe((userId, userLoginState) => user = { userId, userLoginState })
streamgauge.consent = safe(given => {
  if (given && consented()) return
  stored().forEach(drop)
  put(id, given ? newId() : "")
  view(page = "")
})

for (let name of ["pushState", "replaceState"]) {
  let old = history[name]
  history[name] = (...args) => {
    old.apply(history, args)
    view()
  }
}
let on = (type, call) => addEventListener(type, safe(call), true)
on("popstate", view)
on("online", flush)
on("pagehide", hide)
on("visibilitychange", hide)
on("pageshow", event => event.persisted && view(page = ""))
if (dataset.clicks != "off") on("click", click)
view()
for (let args of q) streamgauge(...args)
}
