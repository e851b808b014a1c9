"""The words of TeX that do nothing but set signs: no links, classes, styles, macros, files. Data alone; what is done
with them is ``maths.py``'s.
"""

from __future__ import annotations

from typing import Final

#: What may stand in ``\begin{…}``.
ENVIRONMENTS: Final = frozenset(
    """
    matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases align align* aligned gather
    gather* gathered equation equation* split array
    """.split()  # noqa: SIM905 - a word a line would be pages of them
)

#: What may follow a backslash.
WORDS: Final = frozenset(
    """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi
    varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi
    Pi Sigma Upsilon Phi Psi Omega hbar ell Re Im wp aleph beth partial nabla infty emptyset
    varnothing forall exists nexists neg lnot top bot angle triangle square Box diamond star prime
    degree imath jmath frac dfrac tfrac cfrac binom dbinom tbinom sqrt sum prod coprod int iint
    iiint oint bigcup bigcap bigvee bigwedge bigoplus bigotimes limits nolimits lim limsup liminf
    sup inf max min argmax argmin det dim ker gcd hom deg exp log ln lg sin cos tan cot sec csc sinh
    cosh tanh coth arcsin arccos arctan arg Pr bmod pmod mod pm mp times div cdot ast star circ
    bullet oplus ominus otimes oslash odot wedge vee cap cup sqcap sqcup setminus land lor wr amalg
    dagger ddagger uplus le leq leqslant ge geq geqslant ne neq lt gt ll gg equiv sim simeq approx
    cong propto doteq asymp models vdash dashv in notin ni subset supset subseteq supseteq subsetneq
    supsetneq sqsubseteq sqsupseteq parallel nparallel perp mid nmid prec succ preceq succeq
    triangleq not to gets mapsto longmapsto rightarrow leftarrow leftrightarrow Rightarrow Leftarrow
    Leftrightarrow longrightarrow longleftarrow longleftrightarrow Longrightarrow Longleftarrow
    Longleftrightarrow iff implies impliedby uparrow downarrow updownarrow Uparrow Downarrow nearrow
    searrow swarrow nwarrow hookrightarrow hookleftarrow rightharpoonup rightharpoondown
    rightleftharpoons xrightarrow xleftarrow left right middle big Big bigg Bigg bigl bigr Bigl Bigr
    biggl biggr Biggl Biggr langle rangle lfloor rfloor lceil rceil lvert rvert lVert rVert vert
    Vert lbrace rbrace lbrack rbrack backslash dots ldots cdots vdots ddots dotsc dotsb colon quad
    qquad therefore because hat widehat bar overline underline vec overrightarrow overleftarrow dot
    ddot tilde widetilde acute grave check breve overbrace underbrace overset underset stackrel
    substack boxed phantom mathbb mathbf mathcal mathfrak mathit mathrm mathscr mathsf mathtt mathop
    boldsymbol bm operatorname text textbf textit textrm textsf texttt mbox displaystyle textstyle
    scriptstyle begin end
    """.split()  # noqa: SIM905 - as above
)
