"""The papers that the pages name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DOI, ARXIV = "https://doi.org/", "https://arxiv.org/abs/"


@dataclass(frozen=True)
class Paper:
    """A paper.

    Attributes:
        authors: The authors, as the pages name them.
        year: The year.
        title: The title.
        url: Its DOI, or its page at arXiv or the publisher. Empty if it has none.
        also: Another way in which the pages name the authors.
    """

    authors: str
    year: int
    title: str
    url: str = ""
    also: str = ""


PAPERS = (
    Paper("Agresti & Coull", 1998,
          "Approximate is better than “exact” for interval estimation of binomial proportions",
          f"{DOI}10.2307/2685469"),
    Paper("Akyürek et al.", 2024, "In-context language learning: architectures and algorithms",
          f"{ARXIV}2401.12973"),
    Paper("Arjovsky et al.", 2016, "Unitary evolution recurrent neural networks",
          f"{ARXIV}1511.06464"),
    Paper("Arora et al.", 2024,
          "Zoology: measuring and improving recall in efficient language models",
          f"{ARXIV}2312.04927"),
    Paper("Ba et al.", 2016, "Using fast weights to attend to the recent past",
          f"{ARXIV}1610.06258"),
    Paper("Bahdanau et al.", 2014,
          "Neural machine translation by jointly learning to align and translate",
          f"{ARXIV}1409.0473", "Bahdanau, Cho & Bengio"),
    Paper("Bengio et al.", 1994,
          "Learning long-term dependencies with gradient descent is difficult",
          f"{DOI}10.1109/72.279181", "Bengio, Simard & Frasconi"),
    Paper("Bhattamishra et al.", 2020,
          "On the ability and limitations of transformers to recognize formal languages",
          f"{ARXIV}2009.11264"),
    Paper("Blelloch", 1990, "Prefix sums and their applications"),
    Paper("Cho et al.", 2014,
          "Learning phrase representations using RNN encoder-decoder for statistical "
          "machine translation",
          f"{DOI}10.3115/v1/D14-1179"),
    Paper("Chomsky", 1956, "Three models for the description of language",
          f"{DOI}10.1109/TIT.1956.1056813"),
    Paper("Chomsky & Schützenberger", 1963, "The algebraic theory of context-free languages",
          f"{DOI}10.1016/S0049-237X(08)72023-8"),
    Paper("Cleeremans et al.", 1989, "Finite state automata and simple recurrent networks",
          f"{DOI}10.1162/neco.1989.1.3.372", "Cleeremans, Servan-Schreiber & McClelland"),
    Paper("Clopper & Pearson", 1934,
          "The use of confidence or fiducial limits illustrated in the case of the binomial",
          f"{DOI}10.1093/biomet/26.4.404", "Clopper and Pearson"),
    Paper("Crutchfield", 1994, "The calculi of emergence: computation, dynamics and induction",
          f"{DOI}10.1016/0167-2789(94)90273-9"),
    Paper("Crutchfield & Feldman", 2003,
          "Regularities unseen, randomness observed: levels of entropy convergence",
          f"{DOI}10.1063/1.1530990"),
    Paper("Delétang et al.", 2023, "Neural Networks and the Chomsky Hierarchy",
          f"{ARXIV}2207.02098"),
    Paper("Dvoretzky & Motzkin", 1947, "A problem of arrangements",
          f"{DOI}10.1215/S0012-7094-47-01423-3"),
    Paper("Edelman et al.", 2024,
          "The evolution of statistical induction heads: in-context learning Markov chains",
          f"{ARXIV}2402.11004"),
    Paper("Efraimidis & Spirakis", 2006, "Weighted random sampling with a reservoir",
          f"{DOI}10.1016/j.ipl.2005.11.003"),
    Paper("Elman", 1990, "Finding structure in time", f"{DOI}10.1207/s15516709cog1402_1"),
    Paper("Elman", 1993,
          "Learning and development in neural networks: the importance of starting small",
          f"{DOI}10.1016/0010-0277(93)90058-4"),
    Paper("Feng et al.", 2024, "Were RNNs all we needed?", f"{ARXIV}2410.01201"),
    Paper("Fu et al.", 2023,
          "Hungry Hungry Hippos: towards language modeling with state space models",
          f"{ARXIV}2212.14052"),
    Paper("Gers et al.", 2000, "Learning to forget: continual prediction with LSTM",
          f"{DOI}10.1162/089976600300015015", "Gers, Schmidhuber & Cummins"),
    Paper("Gers & Schmidhuber", 2001,
          "LSTM recurrent networks learn simple context-free and context-sensitive languages",
          f"{DOI}10.1109/72.963769"),
    Paper("Glorot & Bengio", 2010,
          "Understanding the difficulty of training deep feedforward neural networks",
          "https://proceedings.mlr.press/v9/glorot10a.html"),
    Paper("Graves et al.", 2014, "Neural Turing machines", f"{ARXIV}1410.5401"),
    Paper("Grazzi et al.", 2025,
          "Unlocking state-tracking in linear RNNs through negative eigenvalues",
          f"{ARXIV}2411.12537"),
    Paper("Gu & Dao", 2024, "Mamba: linear-time sequence modeling with selective state spaces",
          f"{ARXIV}2312.00752"),
    Paper("Hahn", 2020,
          "Theoretical limitations of self-attention in neural sequence models",
          f"{DOI}10.1162/tacl_a_00306"),
    Paper("Hendrycks & Gimpel", 2016, "Gaussian error linear units", f"{ARXIV}1606.08415"),
    Paper("Hewitt et al.", 2020,
          "RNNs can generate bounded hierarchical languages with optimal memory",
          f"{ARXIV}2010.07515"),
    Paper("Hochreiter", 1991, "Untersuchungen zu dynamischen neuronalen Netzen (diploma thesis)",
          "https://people.idsia.ch/~juergen/SeppHochreiter1991ThesisAdvisorSchmidhuber.pdf"),
    Paper("Hochreiter & Schmidhuber", 1996,
          "Bridging long time lags by weight guessing and long short-term memory"),
    Paper("Hochreiter & Schmidhuber", 1997, "Long short-term memory",
          f"{DOI}10.1162/neco.1997.9.8.1735"),
    Paper("Jelassi et al.", 2024,
          "Repeat after me: transformers are better than state space models at copying",
          f"{ARXIV}2402.01032"),
    Paper("Jing et al.", 2019, "Gated orthogonal recurrent units: on learning to forget",
          f"{ARXIV}1706.02761"),
    Paper("Jozefowicz et al.", 2015,
          "An empirical exploration of recurrent network architectures",
          "https://proceedings.mlr.press/v37/jozefowicz15.html",
          "Jozefowicz, Zaremba & Sutskever"),
    Paper("Kazemnejad et al.", 2023,
          "The impact of positional encoding on length generalization in transformers",
          f"{ARXIV}2305.19466"),
    Paper("Kingma & Ba", 2015, "Adam: a method for stochastic optimization",
          f"{ARXIV}1412.6980"),
    Paper("Kirchner", 1958,
          "Age differences in short-term retention of rapidly changing information",
          f"{DOI}10.1037/h0043688"),
    Paper("Kullback & Leibler", 1951, "On information and sufficiency",
          f"{DOI}10.1214/aoms/1177729694"),
    Paper("Lan et al.", 2022, "Minimum description length recurrent neural networks",
          f"{DOI}10.1162/tacl_a_00489"),
    Paper("Laplace", 1774, "Memoir on the probability of the causes of events (in translation)",
          f"{DOI}10.1214/ss/1177013621"),
    Paper("Le et al.", 2015,
          "A simple way to initialize recurrent networks of rectified linear units",
          f"{ARXIV}1504.00941", "Le, Jaitly & Hinton"),
    Paper("Liu et al.", 2023, "Transformers learn shortcuts to automata", f"{ARXIV}2210.10749"),
    Paper("Liu et al.", 2023, "Exposing attention glitches with flip-flop language modeling",
          f"{ARXIV}2306.00946"),
    Paper("Loshchilov & Hutter", 2019, "Decoupled weight decay regularization",
          f"{ARXIV}1711.05101"),
    Paper("Maddison et al.", 2014, "A* sampling", f"{ARXIV}1411.0030",
          "Maddison, Tarlow & Minka"),
    Paper("Marzen & Crutchfield", 2017,
          "Nearly maximally predictive features and their dimensions",
          f"{DOI}10.1103/PhysRevE.95.051301"),
    Paper("Merrill et al.", 2024, "The illusion of state in state-space models",
          f"{ARXIV}2404.08819"),
    Paper("Miller", 1955, "Note on the bias of information estimates"),
    Paper("Olsson et al.", 2022, "In-context learning and induction heads", f"{ARXIV}2209.11895"),
    Paper("Orvieto et al.", 2023, "Resurrecting recurrent neural networks for long sequences",
          f"{ARXIV}2303.06349"),
    Paper("Pearson", 1901, "On lines and planes of closest fit to systems of points in space",
          f"{DOI}10.1080/14786440109462720"),
    Paper("Pérez et al.", 2019,
          "On the Turing completeness of modern neural network architectures",
          f"{ARXIV}1901.03429"),
    Paper("Poli et al.", 2024, "Mechanistic design and scaling of hybrid architectures",
          f"{ARXIV}2403.17844"),
    Paper("Power et al.", 2022,
          "Grokking: generalization beyond overfitting on small algorithmic datasets",
          f"{ARXIV}2201.02177"),
    Paper("Radford et al.", 2019, "Language models are unsupervised multitask learners",
          "https://cdn.openai.com/better-language-models/"
          "language_models_are_unsupervised_multitask_learners.pdf"),
    Paper("Reber", 1967, "Implicit learning of artificial grammars",
          f"{DOI}10.1016/S0022-5371(67)80149-X"),
    Paper("Rissanen", 1984, "Universal coding, information, prediction, and estimation",
          f"{DOI}10.1109/TIT.1984.1056936"),
    Paper("Rodriguez et al.", 1999, "A recurrent neural network that learns to count",
          f"{DOI}10.1080/095400999116340", "Rodriguez, Wiles & Elman"),
    Paper("Rosenblatt", 1958,
          "The perceptron: a probabilistic model for information storage and organization in "
          "the brain",
          f"{DOI}10.1037/h0042519"),
    Paper("Sanford et al.", 2024, "Transformers, parallel computation, and logarithmic depth",
          f"{ARXIV}2402.09268"),
    Paper("Sarrof et al.", 2024,
          "The expressive capacity of state space models: a formal language perspective",
          f"{ARXIV}2405.17394", "Sarrof, Veitsman & Hahn"),
    Paper("Saxe et al.", 2014,
          "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
          f"{ARXIV}1312.6120", "Saxe, McClelland & Ganguli"),
    Paper("Schlag et al.", 2021, "Linear transformers are secretly fast weight programmers",
          f"{ARXIV}2102.11174"),
    Paper("Shai et al.", 2024,
          "Transformers represent belief state geometry in their residual stream",
          f"{ARXIV}2405.15943"),
    Paper("Steele et al.", 2014, "Fast splittable pseudorandom number generators",
          f"{DOI}10.1145/2660193.2660195"),
    Paper("Su et al.", 2021, "RoFormer: enhanced transformer with rotary position embedding",
          f"{ARXIV}2104.09864"),
    Paper("Sugiyama et al.", 1981,
          "Methods for visual understanding of hierarchical system structures",
          f"{DOI}10.1109/TSMC.1981.4308636"),
    Paper("Tallec & Ollivier", 2018, "Can recurrent neural networks warp time?",
          f"{ARXIV}1804.11188"),
    Paper("Tomita", 1982,
          "Dynamic construction of finite automata from examples using hill-climbing"),
    Paper("Vaswani et al.", 2017, "Attention is all you need", f"{ARXIV}1706.03762"),
    Paper("Weiss", 1973, "Subshifts of finite type and sofic systems",
          f"{DOI}10.1007/BF01295322"),
    Paper("Weiss et al.", 2018,
          "On the practical computational power of finite precision RNNs for language recognition",
          f"{DOI}10.18653/v1/P18-2117", "Weiss, Goldberg & Yahav"),
    Paper("Werbos", 1990, "Backpropagation through time: what it does and how to do it",
          f"{DOI}10.1109/5.58337"),
    Paper("Whittle", 1955, "Some distribution and moment formulae for the Markov chain"),
    Paper("Wilson", 1927, "Probable inference, the law of succession, and statistical inference",
          f"{DOI}10.1080/01621459.1927.10502953"),
    Paper("Xie et al.", 2021,
          "An explanation of in-context learning as implicit Bayesian inference",
          f"{ARXIV}2111.02080"),
    Paper("Yang et al.", 2024,
          "Parallelizing linear transformers with the delta rule over sequence length",
          f"{ARXIV}2406.06484"),
)  # fmt: skip


def references(papers: Sequence[Paper] = PAPERS) -> str:
    """Return a Markdown list of papers, each with its link.

    Args:
        papers: The papers, in order.

    Examples:
        >>> print(references(PAPERS[-1:]))
        - Yang et al. (2024): [Parallelizing linear transformers with the delta rule over sequence
          length](https://arxiv.org/abs/2406.06484)
    """
    lines = []
    for paper in papers:
        title = f"[{paper.title}]({paper.url})" if paper.url else paper.title
        lines.append(f"- {paper.authors} ({paper.year}): {title}")
    return "\n".join(lines)
