// Sets the colours before the page is drawn. It is no module, since a module runs only after that.
(() => {
  const key = 'wsaas-theme'
  const order = ['system', 'light', 'dark']
  const kept = localStorage.getItem(key)
  let theme = order.includes(kept) ? kept : 'system'
  const apply = () => { document.documentElement.dataset.theme = theme }
  apply()
  window.wsaasTheme = {
    get current() { return theme },
    next() {
      theme = order[(order.indexOf(theme) + 1) % order.length]
      localStorage.setItem(key, theme)
      apply()
      return theme
    },
  }
})()
