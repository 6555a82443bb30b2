%% @doc The supervision tree of this node, or of one supervisor, a page at a time. The same source runs loaded and
%% interpreted; see beamscope_processes.erl for what that asks of it.
%%
%% Only a process that says of itself that it is a supervisor of OTP's is asked for children: any other gen_server would
%% not survive the question. Of what serves as a supervisor and is none, they are read from its links. None is waited for
%% that is busy. One with many children, which it has processes for or takes much heap for, is not asked for them either,
%% since it would build a list of them all: who they are is read from its links. How one is asked, and
%% whether it may be, is in beamscope_supervisor.hrl. A process that stands in several places is opened in one of them. Where
%% the tree begins at one supervisor, all of its children are sought and ranked, however many; those behind the first have
%% rows on their pages only. None is asked to count them: a supervisor with a child on another node does not survive that
%% (is_process_alive/1 in supervisor.erl, OTP 25). The supervisors at the top are found without a word to the application
%% controller, which may be starting something.
-module(beamscope_supervision).

-export([tree/1]).

-export_type([spec/0, row/0, supervisor/0]).

%% Rows whose processes are asked between two looks at the clock.
-define(LOOKED_AT, 50).
%% Supervisors that are asked for their restarts where all are, those of a portion, and milliseconds of rest behind one.
-define(ASKED, 1000).
-define(ASK_PORTION, 20).
-define(ASK_PAUSE, 2).

-type spec() :: #{
    %% Where the tree begins: a process, or the name of a process or an application. By default at the supervisors of
    %% all running applications, and at those outside of them.
    root => pid() | atom() | binary(),
    %% Levels of rows.
    depth := pos_integer(),
    %% Children of one supervisor up to which each is listed; of more, the first so many. Of the one that the tree begins
    %% with all are, if it alone is the root; but supervisors behind the first so many are not opened.
    children := pos_integer(),
    %% Milliseconds that a supervisor has for an answer.
    call_ms := pos_integer(),
    %% Words of heap of a supervisor up to which its state is asked for, which tells its strategy and its restarts, if its
    %% children explain them.
    state_heap := non_neg_integer(),
    %% The same of the process that the tree begins with, if it is one: up to this heap its dictionary is read, and it is asked
    %% for its children and its state, whatever they share.
    permitted_heap => non_neg_integer(),
    %% Words of heap of what seems to be a supervisor up to which its dictionary is read, where one key of it cannot be
    %% (before OTP 26.2): see `dictionary_words'.
    dictionary_heap := non_neg_integer(),
    %% With `restarts', or with `min_restarts', every supervisor is asked for them, and not only those on the page.
    sort := tree | memory | message_queue | restarts,
    %% Filters, all of which must hold. What finds a part of an id, a registered name or a module: see beamscope_pattern.hrl.
    pattern => binary(),
    child => pid(),
    type => worker | supervisor,
    status => running | restarting | undefined | remote,
    min_restarts => pos_integer(),
    order := ascending | descending,
    %% Of supervisors outside of the trees: milliseconds to rest behind each portion of processes, processes up to which all
    %% are looked at, and up to which those that may be one are asked.
    pause_ms => non_neg_integer(),
    looked_through => non_neg_integer(),
    sought => non_neg_integer(),
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    'after' => binary()
}.

-type row() :: #{
    %% From 1 on.
    depth := pos_integer(),
    %% Cut where it is large; then with `id_is => cut'. `undefined' with `id_is => unknown' where nobody was asked for it.
    id := term(),
    id_is => cut | unknown,
    %% Ids above it, the outermost first.
    above := [term()],
    %% What the supervisor has in its place: `undefined' and `restarting' come without a process.
    status := running | restarting | undefined | remote,
    pid => pid(),
    type := worker | supervisor,
    %% Its parent calls it a worker, but it is a supervisor.
    called => worker,
    %% Of a supervisor outside of the trees of applications: who has started it, and the application that it belongs to all the
    %% same, or `undefined'.
    started_by => atom() | pid() | {ended, pid() | atom()} | [],
    application => atom(),
    %% The process has another row, nearer to the top or before this one: that one tells what is below it.
    again => true,
    modules := [module()] | dynamic,
    name => atom(),
    messages => non_neg_integer(),
    memory => non_neg_integer(),
    %% It was found in the code of a behaviour that tells its state.
    serves => true,
    %% What it is was not read, since its heap or its queue is large; or it serves as a supervisor, but is no process of
    %% OTP's kind.
    not_asked => unread | other,
    supervisor => supervisor()
}.

-type supervisor() :: #{
    callback := module(),
    %% It serves as a supervisor but is none of OTP's, which would not survive the question: its children are those that
    %% it is linked to. A `bridge' has no others.
    not_asked => bridge | other,
    %% It was not asked since it was busy, or was and gave no answer in time.
    busy => {Status :: atom(), Messages :: non_neg_integer(), mfa()},
    unanswered => true,
    %% Not of one that was not opened.
    children => non_neg_integer(),
    %% Those with a process. Where it was not asked, the processes that it is linked to.
    active => non_neg_integer(),
    %% How many of its children have rows.
    listed => non_neg_integer(),
    children_memory => non_neg_integer(),
    children_messages => non_neg_integer(),
    %% Children that were summed, where time ran out.
    summed => non_neg_integer(),
    strategy => atom(),
    intensity => non_neg_integer(),
    %% Seconds.
    period => pos_integer(),
    %% Restarts in the last period.
    restarts => non_neg_integer(),
    %% It was asked for them, answer or not.
    asked => true,
    %% Words of a heap that was too large to ask for the state.
    large => non_neg_integer()
}.

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_supervises.hrl").
-include("beamscope_callback.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_copies.hrl").
-include("beamscope_reads_keys.hrl").
-include("beamscope_supervisor.hrl").
-include("beamscope_origin.hrl").
-include("beamscope_supervision_walk.hrl").
-include("beamscope_supervision_roots.hrl").
-include("beamscope_survey.hrl").
-include("beamscope_supervision_outside.hrl").
-include("beamscope_supervision_filter.hrl").
-include("beamscope_supervision_crowd.hrl").

%% @doc The rows of a tree: see `listed'. Where there is a root, it has a row, but `total' and `matched' count what is
%% below it: with a depth of 1, which lists none of that, the processes that it is linked to. `supervisors' are those
%% that run; `restarts', where all were asked, is `{Told, Restarted}': how many of them told their restarts, and how many
%% of those had some. Raises `no_root' where nothing has the name, `ended' where the process has, `unread' with the words of
%% its heap where nothing may be read of it, `not_a_supervisor' with what it is, where it is none, and the application that it belongs to. Where time ran out before all children of the root were looked
%% at, `looked' is how many were, `{Seen, Children}'.
-spec tree(spec()) -> binary().
tree(#{deadline_ms := Deadline} = Spec) ->
    Until = now_ms() + Deadline,
    Bounded = Spec#{until => Until, gate => gate(), seen => #{}},
    Roots = roots(Bounded),
    IsRooted = is_map_key(root, Spec),
    Permitted = [Pid || IsRooted, #{pid := Pid} <- Roots],
    Timed = Bounded#{wide => IsRooted andalso length(Roots) =:= 1, permitted => Permitted},
    {Inside, MissingInside} = walk(Roots, [], [], Timed),
    {Further, Sought} = outside(Inside, Timed),
    Opened = maps:from_list([{Pid, true} || #{type := supervisor, status := running, pid := Pid} <- maps:values(Inside)]),
    {Outside, MissingOutside} = walk(Further, [], [], Timed#{seen := Opened}),
    {Walked, Missing} = {maps:merge(Inside, Outside), MissingInside ++ MissingOutside},
    Running = lists:sort([Path || {Path, #{type := supervisor, status := running} = Row} <- maps:to_list(Walked), not is_map_key(again, Row)]),
    {Rows, Restarts} = with_restarts(Running, Walked, Timed),
    collect([Pid || #{pid := Pid, supervisor := #{heap := _}} <- maps:values(Rows)], Timed),
    {Keys, Late} = keys(lists:sort(maps:to_list(Rows)), Timed),
    {Crowd, Found, Unread, Unseen} = crowd(Rows, Timed),
    {Page, Next} = page(Found ++ Keys, Spec),
    alike(Rows, Spec),
    Closed = closed(maps:values(Rows), Timed),
    Told = maps:merge(maps:merge(Restarts, Unseen), Sought),
    Shown = [{Key, outside_facts(told(row(element(2, Key), Rows, Timed), Timed))} || Key <- Page],
    collect([Pid || {_, #{pid := Pid, supervisor := #{strategy := _}}} <- Shown], Timed),
    packed(Told#{
        total => children(maps:keys(Rows), Spec) + Closed + length(Crowd),
        matched => children([Path || {_, Path} <- Keys], Spec) + hd([0 || is_filtered(Spec)] ++ [Closed]) + maps:get(matched, Unseen),
        roots => roots_among(maps:keys(Rows), Keys, Spec),
        rows => Shown,
        next => Next,
        incomplete => lists:usort(Late ++ Unread ++ Missing),
        supervisors => length(Running)
    }).

%% Raises `changed' where the page before had its position among children that were told, and they are read from links now,
%% or the other way round: they have another order, and none or others would follow.
alike(#{[1] := #{supervisor := #{children := _} = Facts}}, #{'after' := Packed}) ->
    case binary_to_term(Packed, [safe]) of
        {_, [1, Child | _]} when is_pid(Child) =/= is_map_key(crowd, Facts) -> error(changed);
        _ -> ok
    end;
alike(_, _) ->
    ok.

%% How many rows are a root that was asked for, of all and of those that pass: rows that `total' and `matched' leave out.
roots_among(Paths, Keys, #{root := _} = Spec) ->
    Matching = [Path || {_, Path} <- Keys],
    {length(Paths) - children(Paths, Spec), length(Matching) - children(Matching, Spec)};
roots_among(_, _, _) ->
    {0, 0}.

%% How many of these rows are no root.
children(Paths, #{root := _}) -> length([Path || [_, _ | _] = Path <- Paths]);
children(Paths, _) -> length(Paths).

%% How many processes a root is linked to that is not opened, since rows have one level only.
closed(Roots, #{root := _, depth := 1} = Spec) ->
    lists:sum([length(Links) || #{type := supervisor, pid := _} = Row <- Roots, #{links := Links} <- [found(Row, Spec)]]);
closed(_, _) ->
    0.

%% Where restarts sort or filter, the rows with what all supervisors tell of theirs, as far as that is known by the time
%% that is left, and `restarts'. Each is asked once, a few at a time; of the very many there may be, so many.
with_restarts(Paths, Rows, #{until := Until} = Spec) when map_get(sort, Spec) =:= restarts; is_map_key(min_restarts, Spec) ->
    Ask = fun(Path, Known) ->
        Row = map_get(Path, Known),
        Known#{Path := Row#{supervisor => with_limits(Row, Spec)}}
    end,
    Bounds = #{until => Until, pause_ms => ?ASK_PAUSE},
    Step = fun(Some, Known) -> lists:foldl(Ask, Known, Some) end,
    {Asked, _} = scan(fun(Left) -> some(?ASK_PORTION, Left) end, lists:sublist(Paths, ?ASKED), Bounds, Step, Rows),
    Told = [Count || #{supervisor := #{restarts := Count}} <- maps:values(Asked)],
    {Asked, #{restarts => {length(Told), length([Count || Count <- Told, Count > 0])}}};
with_restarts(_, Rows, _) ->
    {Rows, #{}}.

%% What is known of a supervisor, and its restarts.
with_limits(#{pid := Pid} = Row, Spec) ->
    Facts =
        case Row of
            #{supervisor := Known} -> Known;
            _ -> found(Row, Spec)
        end,
    maps:merge(Facts#{asked => true}, limits(Pid, Facts, Spec)).

%% Keys of the rows that pass the filters, as far as there is time to ask the processes for it, and `[deadline]' where there
%% was not.
keys(Rows, #{sort := Sort} = Spec) ->
    Step = fun(Some, Keys) -> [{rank(Sort, Row), Path} || {Path, Row} <- Some, matches(Row, Spec)] ++ Keys end,
    case is_map_key(pattern, Spec) orelse lists:member(Sort, [memory, message_queue]) of
        true -> scan(fun(Left) -> some(?LOOKED_AT, Left) end, Rows, halfway(Spec), Step, []);
        false -> {Step(Rows, []), []}
    end.

rank(tree, #{path := Path}) -> Path;
rank(memory, Row) -> maps:get(memory, facts(Row), 0);
rank(message_queue, Row) -> maps:get(messages, facts(Row), 0);
rank(restarts, Row) -> known_restarts(Row).

%% What a row tells, read when it is on the page.
told(#{again := true} = Row, _) ->
    maps:without([path], maps:merge(Row, facts(Row)));
told(#{type := supervisor, status := running, pid := Pid} = Row, Spec) ->
    %% Before it is asked for its state, which makes it larger.
    Itself = facts(Row),
    Facts =
        case Row of
            #{supervisor := Known} -> Known;
            _ -> found(Row, Spec)
        end,
    case is_map_key(callback, Facts) orelse is_map_key(links, Facts) of
        true ->
            Sums = summed(maps:get(pids, Facts, none), halfway(Spec)),
            Limits =
                case Facts of
                    #{asked := true} -> #{};
                    _ -> limits(Pid, Facts, Spec)
                end,
            Linked = maps:from_list([{active, length(Links)} || #{links := Links} <- [Facts]]),
            Asked = maps:without([pids, links, asked, crowd, heap], maps:merge(Linked, Facts)),
            Supervisor = maps:merge(maps:merge(Asked, Sums), Limits),
            Unread = maps:from_list([{not_asked, unread} || unread <- [maps:get(not_asked, Facts, none)]]),
            maps:without([path], maps:merge(maps:merge(Row#{supervisor => Supervisor}, Unread), Itself));
        false ->
            Marked = maps:merge(Row, maps:with([not_asked], Facts)),
            maps:without([path, supervisor], maps:merge(Marked, Itself))
    end;
told(Row, _) ->
    maps:without([path], maps:merge(Row, facts(Row))).

summed(none, _) ->
    #{};
summed(Pids, Spec) ->
    {{Messages, Memory, Summed}, _} = scan(fun thousand/1, Pids, Spec, fun sum/2, {0, 0, 0}),
    Sums = #{children_messages => Messages, children_memory => Memory},
    case Summed < length(Pids) of
        true -> Sums#{summed => Summed};
        false -> Sums
    end.

%% Adds messages and bytes of memory of processes, with list BIFs: there may be very many. Long queues are not walked.
sum(Pids, {Messages, Memory, Summed}) ->
    Lengths = lists:zip(Pids, answers(Pids, message_queue_len)),
    All = [{{'_', {'_', '$1'}}, [], ['$1']}],
    Short = [{{'$1', {'_', '$2'}}, [{'=<', '$2', ?LONG_QUEUE}], ['$1']}],
    Sizes = [{{'_', '$1'}, [], ['$1']}],
    Bytes = answers(ets:match_spec_run(Lengths, ets:match_spec_compile(Short)), memory),
    {
        Messages + lists:sum(ets:match_spec_run(Lengths, ets:match_spec_compile(All))),
        Memory + lists:sum(ets:match_spec_run(Bytes, ets:match_spec_compile(Sizes))),
        Summed + length(Pids)
    }.
