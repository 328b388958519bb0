package picture

// style colors the image. Families differ in shape as well, so that no meaning
// is lost without colors.
const style = `
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1f2430}
.title{font-size:15px;font-weight:600}
.name{font-size:13px;font-weight:600}
.small{font-size:12px}
.note{font-size:11px;fill:#5a6274}
.place{fill:#3a4152}
.paper{fill:#fff}
.frame{fill:#f7f8fa;stroke:#dde1e8}
.off{stroke:#9aa3b5;stroke-dasharray:6 4}
.bundle{fill:none;stroke:#b4bbc8}
.edge,.link{fill:none;stroke:#8a93a5;stroke-width:1.4}
.link{stroke-width:2}
.arrow{fill:#8a93a5}
.node path{fill:#fff;stroke:#8a93a5;stroke-width:1.4;stroke-linejoin:round}
.node .lid{fill:none}
.source path{fill:#eaf2fe;stroke:#2f6fd0}
.transform path{fill:#f2edfd;stroke:#7a52c7}
.check path{fill:#e6f6f4;stroke:#15857a}
.condition path{fill:#fdf3e1;stroke:#b06a10}
.sink path{fill:#fcecf3;stroke:#bb3b78}
@media (prefers-color-scheme:dark){
text{fill:#e6e9f0}
.note{fill:#a2abbd}
.place{fill:#c6cddb}
.paper{fill:#14171d}
.frame{fill:#1b1f27;stroke:#323947}
.off{stroke:#596174}
.bundle{stroke:#4a5263}
.edge,.link{stroke:#788296}
.arrow{fill:#788296}
.node path{fill:#20252f;stroke:#788296}
.source path{fill:#172a45;stroke:#6ba4f5}
.transform path{fill:#291f43;stroke:#ac8cf2}
.check path{fill:#10322f;stroke:#4cc0b3}
.condition path{fill:#38280f;stroke:#e2a24a}
.sink path{fill:#3b1a2b;stroke:#ee83b2}
}
`
