"""Chat templates: those of real models pass, everything that reaches further is told, no bytes break it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.artifacts.configuration.chat_templates import MOST_TEMPLATE, judge

# Written for this test in the manner of the common ones: ChatML, Llama 2 and 3, Mistral, tools, images, reasoning.
GOOD = [
    "".join(each.splitlines())
    for each in r"""
{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}

{%- if messages[0]['role'] == 'system' -%}{%- set system = messages[0]['content'] | trim -%}
{%- set loop_messages = messages[1:] -%}{%- else -%}{%- set loop_messages = messages -%}{%- endif -%}
{%- for message in loop_messages -%}{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
{{ raise_exception('roles must alternate') }}{%- endif -%}[INST] {{ message.content.strip() }} [/INST]
{%- endfor -%}

{% set ns = namespace(last=-1, found=false) %}{% for i in range(messages | length) %}
{% if messages[i].role == 'user' %}{% set ns.last = i %}{% endif %}{% endfor %}{{ bos_token }}

{%- if tools is defined and tools is not none %}{{ '# Tools\n' }}{%- for tool in tools %}
{{ tool | tojson(indent=4) }}{%- endfor %}{%- endif %}

{%- for call in message.tool_calls %}{%- set call = call.function %}
{{ "<tool_call>\n{\"name\": \"" ~ call.name ~ "\", \"arguments\": " }}{{ call.arguments | tojson }}
{%- endfor %}

{%- macro render(content) -%}{%- if content is string -%}{{ content }}{%- else -%}{%- for part in content -%}
{%- if part.type == 'image' -%}<image>{%- elif 'text' in part -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}{%- endmacro -%}{{ render(messages[0].content) }}

{% if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}

{{ strftime_now('%d %b %Y') }}{{ {'a': {'b': 1}} | tojson }}
{{ messages | selectattr('role', 'equalto', 'x') | list }}

{# a remark with __class__ in it #}{% raw %}{{ x.__class__ }}{% endraw %}{% generation %}x{% endgeneration %}

{% for k, v in tool.parameters.properties.items() %}{{ k ~ ': ' ~ v.type if v.type is string else 'any' }}
{% endfor %}

{{ messages[loop.index0 - 1]['role'] }}{{ ('a', 'b') | join(', ') }}{{ x[:-1] }}
{{ not (a and b) or c in ['d', 'e'] }}

{{ date_string if date_string is defined else '26 Jul 2024' }}{{ [1, 2][-1] }}{% break %}{{ '{%' }}
""".strip().split("\n\n")
]
BAD = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum['__globals__'] }}",
    "{{ lipsum['\\x5f\\x5fglobals\\x5f\\x5f'] }}",
    "{{ lipsum['__glo' ~ 'bals__'] }}",
    "{{ x['_' + '_class_' + '_'] }}",
    "{{ x | attr('\\u005f\\u005fclass\\u005f\\u005f') }}",
    "{{ x | attr(name) }}",
    "{{ messages | map(attribute='__class__') | list }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ namespace.mro() }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ 'a'.format_map(x) }}",
    "{{ get_flashed_messages.x() }}",
    "{{ 10 ** 10 ** 10 }}",
    "{% for i in range(10000000000) %}x{% endfor %}",
    "{{ 'x' * 2000000000 }}",
    "{{ x.gi_frame.f_globals() }}",
    "{{ config }}{% set c = joiner.__init__ %}",
    "{% filter attr %}x{% endfilter %}",
    "{{ unclosed",
    "{{ 'unclosed }}",
    "{{ x ` y }}",
    "x" * (MOST_TEMPLATE + 1),
]


@pytest.mark.parametrize("template", GOOD)
def test_what_conversations_need_passes(template: str) -> None:
    assert judge(template, "m") == ()


@pytest.mark.parametrize("template", BAD)
def test_what_reaches_further_is_told(template: str) -> None:
    found = judge(template, "m")
    assert found
    assert {(each.member, each.kind) for each in found} == {("m", "chat-template")}


@given(st.text(alphabet="{}%#'\"\\_abc.|()[]~+*- 019\n", max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    judge(text, "m")


def test_it_is_quick() -> None:
    import time

    begun = time.thread_time()
    judge("{{" * (MOST_TEMPLATE // 4), "m")
    judge("{{ '" + "\\" * 100_000, "m")
    judge("{% if x %}{{ y }}{% endif %}" * 20_000, "m")
    assert time.thread_time() - begun < 10
