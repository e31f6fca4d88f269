namespace Waitress.FunctionalTests.Admin;

/// <summary>What the tests of the page run in the browser.</summary>
internal static class PageScripts
{
    // The page looks each two seconds; tests need not wait for that.
    public const string Quick = "{ const real = window.setTimeout; window.setTimeout = (action, time) => real(action, time / 20); }";

    // The page's clock, in the test's hand: due() is what the page would do after its pause.
    public const string HeldTimers = """
        const kept = [];
        let count = 0;
        window.setTimeout = action => kept.push(action);
        const real = window.fetch;
        window.fetch = (...all) => { count++; return real(...all); };
        window.due = () => kept.splice(0).forEach(action => action());
        window.asked = () => count;
        window.waiting = () => kept.length;
        window.hide = on => {
            Object.defineProperty(document, "hidden", { get: () => on, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        };
        """;

    public const string Overflowing =
        "[...document.querySelectorAll('section')].filter(each => each.scrollWidth > each.clientWidth).map(each => each.innerText)";

    // Of the colours of an element and of what is behind it (WCAG 2.2, relative luminance).
    public const string Contrast = """
        selector => {
            const light = text => text.match(/[\d.]+/g).slice(0, 3).map(part => part / 255)
                .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
                .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
            const found = document.querySelector(selector);
            let behind = found;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
            const [less, more] = [light(getComputedStyle(found).color), light(getComputedStyle(behind).backgroundColor)].sort((one, other) => one - other);
            return (more + 0.05) / (less + 0.05);
        }
        """;
}
