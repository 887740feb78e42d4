import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeMarkdown } from '../../src/reports/format-figures.ts';
import { renderMarkdown } from '../../src/reports/render-markdown.ts';

test('the Markdown of reports as HTML', () => {
  const cases: [string, string][] = [
    ['# A\n\ntext\nmore', '<h1>A</h1>\n<p>text<br>more</p>'],
    ['### B ###', '<h3>B</h3>'],
    ['- a\n- **b** and *c*\n  more', '<ul><li>a</li><li><strong>b</strong> and <em>c</em> more</li></ul>'],
    ['1. a\n2) b\n- c', '<ol><li>a</li><li>b</li></ol>\n<ul><li>c</li></ul>'],
    ['---\n***', '<hr>\n<hr>'],
    [
      '| a | b |\n| --- | ---: |\n| x\\|y | `2*` |',
      '<table><thead><tr><th>a</th><th class="right">b</th></tr></thead><tbody><tr><td>x|y</td><td class="right"><code>2*</code></td></tr></tbody></table>',
    ],
    ['| no table |', '<p>| no table |</p>'],
    ['2 * 3 * 4 and **open', '<p>2 * 3 * 4 and **open</p>'],
    ['[a](http://x) ![i](y) <b>&amp;', '<p>[a](http://x) ![i](y) &#60;b&#62;&#38;amp;</p>'],
    ['', ''],
  ];
  for (const [markdown, html] of cases) assert.equal(renderMarkdown(markdown), html, markdown);
});

const tags =
  /<\/?(?:h[1-6]|p|ul|ol|li|strong|em|code|table|thead|tbody|tr)>|<t[hd](?: class="right")?>|<\/t[hd]>|<br>|<hr>/g;

test('whatever the text is, no other tag comes out, and nothing of it is lost from a name', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '<script>',
      '**',
      '*',
      '`',
      '|',
      '\n',
      '\n| --- |\n',
      '# ',
      '1. ',
      '\\',
      '"',
      "'",
      '&lt;',
    ),
  );
  const options = {
    numRuns: 500,
    ...(process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }),
  };
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      assert.doesNotMatch(renderMarkdown(pieces.join('')).replace(tags, ''), /[<>"']/);
    }),
    options,
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
      const shown = renderMarkdown(`x ${escapeMarkdown(name)} x`);
      const text = shown.slice(3, -4).replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
      assert.equal(text, `x ${name.replace(/[\s\p{Cc}]+/gu, ' ').trim()} x`);
    }),
    options,
  );
});

test('a long text of one kind is rendered in time that grows with it', () => {
  for (const unit of ['*a ', '**a ', '`', '\\', '| ', '- - ', '1. ', '> <'])
    assert.ok(renderMarkdown(unit.repeat(10_000)).length > 0);
});
