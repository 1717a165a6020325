// Search without a server. A page that is read from a disk may start no worker, so the search's script runs in a hidden
// frame instead, which has what the script expects of a worker: postMessage, importScripts and messages to itself.
// mkdocs-material's plugin "offline" would load another such script from the network.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      const scope = (this.scope = frame.contentWindow)
      scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      scope.importScripts = (...urls) =>
        urls.reduce((before, next) => before.then(() => load(scope, next)), Promise.resolve())
      load(scope, url).then(
        () => {
          const waiting = this.waiting
          this.waiting = null
          waiting.forEach((data) => this.postMessage(data))
        },
        () => this.dispatchEvent(new ErrorEvent("error", { message: `${url} cannot be loaded` })),
      )
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.scope.dispatchEvent(new this.scope.MessageEvent("message", { data }))
    }
  }
  window.Worker = window.IFrameWorker

  const load = (scope, url) =>
    new Promise((done, failed) => {
      const script = scope.document.createElement("script")
      script.src = new URL(url, location.href).href
      script.onload = done
      script.onerror = failed
      scope.document.body.appendChild(script)
    })
}
